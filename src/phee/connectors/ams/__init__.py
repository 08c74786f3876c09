"""Core banking (an account management system): holds, bookings, quotes, parties."""
