# Slicer writes a file here by which other extensions find this one; nobody builds against a stand-in.
