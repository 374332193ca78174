"""A day in a contact center through the real engine, in virtual time: policies side by side."""
