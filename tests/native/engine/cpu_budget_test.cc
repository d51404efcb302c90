#include "engine/cpu_budget.h"

#include <filesystem>
#include <fstream>

#include "check.h"

using namespace triton_lite;

namespace {

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cpu_budget_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  void Write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST(ReadsCpuMax) {
  CHECK(ParseCpuMax("150000 100000\n") == 1.5);
  CHECK(!ParseCpuMax("max 100000\n"));
  CHECK(!ParseCpuMax(""));
  CHECK(!ParseCpuMax("100000"));
  CHECK(!ParseCpuMax("1000 0"));
}

TEST(TheTightestGroupOnTheWayUpBinds) {
  const TemporaryFolder root;
  root.Write("cpu.max", "max 100000\n");
  root.Write("a/cpu.max", "200000 100000\n");
  root.Write("a/b/cpu.max", "400000 100000\n");
  CHECK(CgroupCores(root.path(), "0::/a/b\n") == 2.0);
  CHECK(!CgroupCores(root.path(), "0::/\n"));
  CHECK(!CgroupCores(root.path(), "nonsense"));
}

TEST(ReadsTheFirstVersionOfCgroups) {
  const TemporaryFolder root;
  root.Write("cpu/a/cpu.cfs_quota_us", "50000\n");
  root.Write("cpu/a/cpu.cfs_period_us", "100000\n");
  root.Write("cpu/cpu.cfs_quota_us", "-1\n");
  root.Write("cpu/cpu.cfs_period_us", "100000\n");
  CHECK(CgroupCores(root.path(), "4:memory:/a\n3:cpu,cpuacct:/a\n") == 0.5);
}

TEST(InstancesShareTheCores) {
  CHECK_EQ(CoresPerInstance(8, 2), 4);
  CHECK_EQ(CoresPerInstance(2, 3), 1);
  CHECK_EQ(CoresPerInstance(4, 0), 4);
  CHECK(AvailableCores() >= 1);
}

TEST_MAIN()
