"""Reading printed text: lines found, straightened, recognised, decoded, compared."""
