"""The paper's experiments in 2D: models on data sets, tables 2 to 4, comparisons, figures (paper, section 4)."""
