"""PatchICL's cascade on 2D tensors. A file an equation; `sparse.py` composes them."""
