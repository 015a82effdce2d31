import sys

# Compiled tests are kept even where PYTHONDONTWRITEBYTECODE is set: to rewrite their assertions in each run takes
# longer than most tests.
sys.dont_write_bytecode = False
