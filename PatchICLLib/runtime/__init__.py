"""The machine that the library runs on: devices, memory, threads, processes."""
