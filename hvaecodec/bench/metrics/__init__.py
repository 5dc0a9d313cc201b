"""What a picture, or a whole set of pictures, lost: metrics and the networks that some of them need."""
