"""What a library of finished cases is worth: each case left out in turn, and found from the others."""
