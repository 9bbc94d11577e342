"""What verification is made of: each module checks one kind of thing, `warehouse.verify` all."""
