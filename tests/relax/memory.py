"""A result cache in a dict, for stages that only need one."""

from collections import Counter

from matsearch.core.verdict import Verdict


class DictCache:
    """ResultCache without a database."""

    def __init__(self):
        self.results, self.begun, self.transient = {}, Counter(), Counter()

    def get_results(self, keys):
        return {key: self.results[key] for key in keys if key in self.results}

    def begin(self, key, owner):
        self.begun[key] += 1

    def put_result(self, key, document, owner):
        return self.results.setdefault(key, dict(document)) is document

    def put_transient(self, key, verdict: Verdict, owner):
        if verdict.transient:
            self.transient[key] += 1

    def transient_counts(self, keys):
        return {key: self.transient[key] for key in keys if self.transient[key]}

    def close(self):
        pass
