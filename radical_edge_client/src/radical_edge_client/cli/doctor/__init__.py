"""``radical-edge doctor``: one finding a line about everything between here and the edges."""
