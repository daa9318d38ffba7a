"""What an operator acts on: rules about energy and silence, and changes of use."""
