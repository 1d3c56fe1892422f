"""Speed as ratios within one run: the product beside the least that could do the same on the same servers."""
