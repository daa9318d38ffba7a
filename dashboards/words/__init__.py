"""What people read, in Russian and English."""
