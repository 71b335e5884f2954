"""Between MRML and numpy: volumes, segments, painted slices, views. Arrays are K, J, I; positions RAS, mm."""
