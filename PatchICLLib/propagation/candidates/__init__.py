"""Several answers where the model is torn: what else a result may be, and how probable each of them is."""
