-- Two roles for the controller's database: one that changes its tables at an upgrade, and one that replicas run with.
-- Run it once in the new database, as its owner; then set a password for each role (\password ROLE in psql).
CREATE ROLE portalctl_migrate LOGIN;
CREATE ROLE portalctl_run LOGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO portalctl_migrate;
GRANT USAGE ON SCHEMA public TO portalctl_run;
ALTER DEFAULT PRIVILEGES FOR ROLE portalctl_migrate IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO portalctl_run;
ALTER DEFAULT PRIVILEGES FOR ROLE portalctl_migrate IN SCHEMA public
  GRANT USAGE ON SEQUENCES TO portalctl_run;
