"""The used parts of ldap3. No other module imports ldap3, so that another library can replace it.

ldap3 2.9.1 imports names that pyasn1 0.6 deprecates, which causes a warning.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from ldap3.utils.conv import escape_bytes, escape_filter_chars

__all__ = ["LDAPException", "escape_bytes", "escape_filter_chars", "ldap3"]
