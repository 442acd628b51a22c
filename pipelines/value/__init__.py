"""What a customer is worth: purchase and spend models, fitted and applied.

Pure mathematics on arrays. Tables, customers and money's exact types are the business of `models/`.
"""
