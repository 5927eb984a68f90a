"""The tests of Oxyq and their rig: real servers, and faults that are really injected."""
