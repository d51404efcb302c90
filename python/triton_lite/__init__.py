"""An inference server that speaks NVIDIA Triton's protocol, in a package."""
