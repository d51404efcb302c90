"""Not Python: the test writes a broken line below this one."""
