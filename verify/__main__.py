"""`python -m verify`: the command line."""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    from numerics.threads import pin_blas_threads
    from verify.commands.program import program

    pin_blas_threads()
    program.main()


if __name__ == "__main__":
    main()
