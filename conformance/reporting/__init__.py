"""Results and the verdict, and how they are shown: terminal and HTML."""
