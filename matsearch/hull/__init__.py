"""Energy to energy above hull: reference sets, corrections, and the immutable hull."""
