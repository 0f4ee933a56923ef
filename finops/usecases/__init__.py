"""What the product does, told in the words of the domain and of its ports."""
