"""The doors for controllers: HTTP, Modbus TCP and ASCII with one meaning, see contract.md."""
