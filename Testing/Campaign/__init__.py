"""Random faults against the command line: nothing of the user's may be lost, and what is refused is refused in words.

`python -m Testing.Campaign --trials 5000 --log campaign.jsonl` runs them, goes on where it was stopped, prints a tally.
"""
