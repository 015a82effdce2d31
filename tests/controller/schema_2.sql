CREATE TABLE accepted_commits (
	source TEXT NOT NULL, 
	commit_id TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (source)
);
CREATE TABLE contested (
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	expires VARCHAR(27) NOT NULL, 
	PRIMARY KEY (server, portal_id, subject)
);
CREATE TABLE decisions (
	number INTEGER NOT NULL, 
	server TEXT, 
	portal_id TEXT, 
	portal TEXT, 
	kind VARCHAR(16) NOT NULL, 
	"by" TEXT, 
	at VARCHAR(27) NOT NULL, 
	digest TEXT, 
	detail TEXT, 
	PRIMARY KEY (number)
);
CREATE TABLE developer_counts (
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	hour VARCHAR(13) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	pending INTEGER NOT NULL, 
	approved INTEGER NOT NULL, 
	PRIMARY KEY (server, portal_id, hour)
);
CREATE TABLE findings (
	number INTEGER NOT NULL, 
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	portal TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	address TEXT, 
	first_seen VARCHAR(27) NOT NULL, 
	last_seen VARCHAR(27), 
	body TEXT NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE first_names (
	name TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE held_plans (
	digest VARCHAR(80) NOT NULL, 
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	portal TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	expires VARCHAR(27) NOT NULL, 
	decided_by TEXT, 
	decided_at VARCHAR(27), 
	files TEXT, 
	PRIMARY KEY (digest)
);
CREATE TABLE journal (
	number INTEGER NOT NULL, 
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	run TEXT NOT NULL, 
	line TEXT NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE leases (
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	expires VARCHAR(27) NOT NULL, 
	PRIMARY KEY (server, portal_id)
);
CREATE TABLE observations (
	number INTEGER NOT NULL, 
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	portal TEXT NOT NULL, 
	developer TEXT NOT NULL, 
	address TEXT, 
	kind VARCHAR(16) NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE portalctl_schema (
	version INTEGER NOT NULL
);
CREATE TABLE portals (
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	trusted BOOLEAN NOT NULL, 
	first_seen VARCHAR(27) NOT NULL, 
	named_at VARCHAR(27) NOT NULL, 
	reading BLOB, 
	reading_at VARCHAR(27), 
	PRIMARY KEY (server, portal_id)
);
CREATE TABLE results (
	number INTEGER NOT NULL, 
	run TEXT NOT NULL, 
	change TEXT NOT NULL, 
	address TEXT, 
	developer TEXT, 
	result VARCHAR(16) NOT NULL, 
	sent BOOLEAN NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE runs (
	id TEXT NOT NULL, 
	server TEXT, 
	portal_id TEXT, 
	portal TEXT NOT NULL, 
	trigger_ VARCHAR(16) NOT NULL, 
	mode VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	ended_at VARCHAR(27), 
	commit_id TEXT, 
	digest TEXT, 
	confirmed INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	skipped INTEGER NOT NULL, 
	unknown INTEGER NOT NULL, 
	detail TEXT, 
	approver TEXT, 
	writer TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE seen_ids (
	kind VARCHAR(32) NOT NULL, 
	portal TEXT NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	answer TEXT, 
	PRIMARY KEY (kind, portal, id)
);
CREATE TABLE sessions (
	id VARCHAR(64) NOT NULL, 
	salt VARCHAR(22) NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE settings (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE sign_ups (
	id VARCHAR(32) NOT NULL, 
	portal TEXT NOT NULL, 
	body TEXT NOT NULL, 
	answer TEXT, 
	at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE suspensions (
	server TEXT NOT NULL, 
	portal_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	expires VARCHAR(27), 
	PRIMARY KEY (server, portal_id, name)
);
CREATE TABLE turns (
	name TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE INDEX findings_by_portal ON findings (server, portal_id, last_seen);
CREATE INDEX held_plans_by_portal ON held_plans (server, portal_id, state);
CREATE INDEX ix_developer_counts_at ON developer_counts (at);
CREATE INDEX ix_findings_address ON findings (address);
CREATE INDEX ix_observations_address ON observations (address);
CREATE INDEX ix_observations_developer ON observations (developer);
CREATE INDEX ix_portals_name ON portals (name);
CREATE INDEX ix_results_address ON results (address);
CREATE INDEX ix_results_at ON results (at);
CREATE INDEX ix_results_developer ON results (developer);
CREATE INDEX ix_results_run ON results (run);
CREATE INDEX ix_runs_state ON runs (state);
CREATE INDEX ix_seen_ids_at ON seen_ids (at);
CREATE INDEX ix_sessions_seen_at ON sessions (seen_at);
CREATE INDEX ix_sign_ups_portal ON sign_ups (portal);
CREATE INDEX journal_by_portal ON journal (server, portal_id);
CREATE INDEX observations_by_portal ON observations (portal, number);
CREATE INDEX runs_by_portal ON runs (portal, started_at);
