"""Every ionic step of a campaign's calculations as training data for potentials."""
