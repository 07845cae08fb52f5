"""A language model as proposer: prompts, requests, the client."""
