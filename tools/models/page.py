def render(runs: object) -> str:
    return ""
