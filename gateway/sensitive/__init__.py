"""What must not be kept, found in texts: secrets by the rules of secrets.yaml, and what tells who a person is."""
