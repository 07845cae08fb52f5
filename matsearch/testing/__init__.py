"""A testing kit for those who extend matsearch: contract suites to subclass, samples, servers for tests."""
