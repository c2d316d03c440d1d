"""What must not be lost: results, pictures, and how long they are kept."""
