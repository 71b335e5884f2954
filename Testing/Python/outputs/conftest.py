"""Files in memory where there is such a folder, for thousands of commits wait for no disk there."""

from Testing.Miniatures.memory_folder import tmp_path  # noqa: F401
