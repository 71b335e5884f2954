"""What the same structure, finished in other subjects, says about this one."""
