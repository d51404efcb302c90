"""The class has another name."""


class Model:
    def execute(self, requests):
        return []
