"""The command line `patchicl`: thin wrappers over the library, one file per command."""
