"""The parts of ldap3 that are used. The only importer of ldap3, so that another library can take its place.

ldap3 2.9.1 imports names that pyasn1 0.6 deprecates; it warns of that on import.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from ldap3.utils.conv import escape_bytes, escape_filter_chars

__all__ = ["LDAPException", "escape_bytes", "escape_filter_chars", "ldap3"]
