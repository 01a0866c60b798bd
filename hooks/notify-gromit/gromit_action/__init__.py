"""Parts of the action `notify-gromit`. They need Python 3.9 and nothing else."""
