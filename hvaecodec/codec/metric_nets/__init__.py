"""The networks of LPIPS with verified weights, which training and the bench share; no codec needs them."""
