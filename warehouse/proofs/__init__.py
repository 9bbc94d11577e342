"""What is handed to others: the proof of one snapshot, and an auditor's bundle of many."""
