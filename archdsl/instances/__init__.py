"""What a spec says of the values in the instances of its blocks, for those who write classes of them."""
