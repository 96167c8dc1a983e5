"""One file per kind of evidence: each `check` looks at one step and returns a finding; none of them makes a verdict."""
