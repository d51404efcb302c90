/* Two GPUs, as NVIDIA's management library shows them. Built by the tests.
   FAKE_NVML_ENERGY: file with the energy in millijoules. FAKE_NVML_BROKEN: what does not start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned int gpu, memory; } Utilization;
typedef struct { unsigned long long total, free, used; } Memory;

static int handles[2] = {0, 1};

int nvmlInit_v2(void) { return getenv("FAKE_NVML_BROKEN") ? 9 : 0; }
const char* nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "Not Supported"; }

int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  *device = &handles[index];
  return 0;
}

int nvmlDeviceGetUUID(void* device, char* text, unsigned int size) {
  snprintf(text, size, "GPU-%d000-fake", *(int*)device + 1);
  return 0;
}

int nvmlDeviceGetName(void* device, char* text, unsigned int size) {
  (void)device;
  snprintf(text, size, "Fake GPU");
  return 0;
}

int nvmlDeviceGetUtilizationRates(void* device, Utilization* rates) {
  rates->gpu = *(int*)device ? 0 : 37;
  rates->memory = 5;
  return 0;
}

int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  memory->total = 80ULL << 30;
  memory->used = *(int*)device ? 0 : 1ULL << 30;
  memory->free = memory->total - memory->used;
  return 0;
}

int nvmlDeviceGetPowerUsage(void* device, unsigned int* milliwatts) {
  if (*(int*)device) return 3;
  *milliwatts = 61500;
  return 0;
}

int nvmlDeviceGetPowerManagementLimit(void* device, unsigned int* milliwatts) {
  (void)device;
  *milliwatts = 700000;
  return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  const char* path = getenv("FAKE_NVML_ENERGY");
  FILE* file = path ? fopen(path, "r") : NULL;
  (void)device;
  if (!file) return 3;
  if (fscanf(file, "%llu", millijoules) != 1) *millijoules = 0;
  fclose(file);
  return 0;
}
