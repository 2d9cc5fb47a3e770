"""Completion of the command line in bash, zsh and fish: a script with all commands, which asks for names and ids."""
