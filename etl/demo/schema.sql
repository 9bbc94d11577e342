-- The part of the Unleash 8.2.0 schema that the statistics read, in our own words.
--
-- Every column, its type, whether it may be null, and the primary keys are as in
-- a database that a real 8.2.0 server has migrated; a test compares them. So are
-- the indexes that a count over many rows can use. Foreign keys, triggers and
-- tables nobody counts are left out.

-- People and their tokens

CREATE TABLE users (
    id                            serial PRIMARY KEY,
    name                          varchar(255),
    username                      varchar(255) UNIQUE,
    email                         varchar(255) UNIQUE,
    image_url                     text,
    password_hash                 varchar(255),
    login_attempts                integer DEFAULT 0,
    created_at                    timestamp DEFAULT now(),
    seen_at                       timestamp,
    settings                      json,
    permissions                   json DEFAULT '[]',
    deleted_at                    timestamptz,
    is_service                    boolean DEFAULT false,
    created_by_user_id            integer,
    is_system                     boolean NOT NULL DEFAULT false,
    scim_id                       text,
    scim_external_id              text,
    first_seen_at                 timestamp,
    email_hash                    text,
    updated_at                    timestamptz NOT NULL DEFAULT now(),
    seat_type                     text,
    company_role                  text,
    product_updates_email_consent boolean
);
CREATE INDEX users_email_hash_idx ON users (email_hash);

CREATE TABLE personal_access_tokens (
    secret      text,
    description text,
    user_id     integer NOT NULL,
    expires_at  timestamptz NOT NULL,
    seen_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    id          serial PRIMARY KEY,
    selector    text UNIQUE,
    verifier    text
);
CREATE INDEX personal_access_tokens_user_id_idx ON personal_access_tokens (user_id);

CREATE TABLE roles (
    id                 serial PRIMARY KEY,
    name               text NOT NULL,
    description        text,
    type               text NOT NULL DEFAULT 'custom',
    created_at         timestamptz DEFAULT now(),
    updated_at         timestamptz,
    created_by_user_id integer,
    UNIQUE (type, name)
);

CREATE TABLE role_user (
    role_id            integer NOT NULL,
    user_id            integer NOT NULL,
    created_at         timestamptz DEFAULT now(),
    project            varchar(255) NOT NULL,
    created_by_user_id integer,
    PRIMARY KEY (role_id, user_id, project)
);
CREATE INDEX role_user_user_id_idx ON role_user (user_id);

CREATE TABLE groups (
    id               serial PRIMARY KEY,
    name             text NOT NULL,
    description      text,
    created_by       text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    mappings_sso     jsonb DEFAULT '[]',
    root_role_id     integer,
    scim_id          text,
    scim_external_id text
);

CREATE TABLE api_tokens (
    secret             text PRIMARY KEY,
    username           text NOT NULL,
    type               text NOT NULL,
    created_at         timestamptz DEFAULT now(),
    expires_at         timestamptz,
    seen_at            timestamptz,
    environment        varchar,
    alias              text,
    token_name         text,
    created_by_user_id integer
);

CREATE TABLE api_token_project (
    secret  text NOT NULL,
    project text NOT NULL,
    PRIMARY KEY (secret, project)
);

CREATE TABLE api_tokens_v2 (
    selector     text PRIMARY KEY,
    verifier     text NOT NULL,
    token_name   text NOT NULL,
    type         text NOT NULL,
    environment  text NOT NULL,
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    seen_at      timestamptz,
    user_created boolean NOT NULL DEFAULT true
);

CREATE TABLE api_tokens_v2_project (
    selector text NOT NULL,
    project  text NOT NULL,
    PRIMARY KEY (selector, project)
);

-- Flags, where they live and how they are rolled out

CREATE TABLE projects (
    id          varchar(255) PRIMARY KEY,
    name        varchar NOT NULL,
    description varchar,
    created_at  timestamp DEFAULT now(),
    health      integer DEFAULT 100,
    updated_at  timestamptz DEFAULT now(),
    archived_at timestamptz
);

CREATE TABLE project_settings (
    project                    varchar(255) PRIMARY KEY,
    default_stickiness         varchar(100),
    project_mode               varchar(100) NOT NULL DEFAULT 'open',
    feature_limit              integer,
    feature_naming_pattern     text,
    feature_naming_example     text,
    feature_naming_description text,
    link_templates             jsonb DEFAULT '[]'
);

CREATE TABLE project_environments (
    project_id       varchar(255) NOT NULL,
    environment_name varchar(100) NOT NULL,
    default_strategy jsonb,
    PRIMARY KEY (project_id, environment_name)
);
CREATE INDEX project_environments_environment_idx ON project_environments (environment_name);

CREATE TABLE environments (
    name               varchar(100) PRIMARY KEY,
    created_at         timestamptz DEFAULT now(),
    sort_order         integer DEFAULT 9999,
    type               text NOT NULL,
    enabled            boolean DEFAULT true,
    protected          boolean DEFAULT false,
    required_approvals integer
);

CREATE TABLE feature_types (
    id                 varchar(255) PRIMARY KEY,
    name               varchar NOT NULL,
    description        varchar,
    lifetime_days      integer,
    created_at         timestamptz DEFAULT now(),
    created_by_user_id integer
);

CREATE TABLE features (
    created_at         timestamptz DEFAULT now(),
    name               varchar(255) PRIMARY KEY,
    description        text,
    variants           json DEFAULT '[]',
    type               varchar DEFAULT 'release',
    stale              boolean DEFAULT false,
    project            varchar DEFAULT 'default',
    last_seen_at       timestamptz,
    impression_data    boolean DEFAULT false,
    archived_at        timestamptz,
    potentially_stale  boolean NOT NULL DEFAULT false,
    created_by_user_id integer,
    archived           boolean DEFAULT false
);

CREATE TABLE feature_environments (
    environment  varchar(100) NOT NULL DEFAULT 'default',
    feature_name varchar(255) NOT NULL,
    enabled      boolean NOT NULL,
    variants     jsonb NOT NULL DEFAULT '[]',
    last_seen_at timestamptz,
    PRIMARY KEY (environment, feature_name)
);
CREATE INDEX feature_environments_feature_name_idx ON feature_environments (feature_name);

CREATE TABLE feature_strategies (
    id                 text PRIMARY KEY,
    feature_name       varchar(255) NOT NULL,
    project_name       varchar(255) NOT NULL,
    environment        varchar(100) NOT NULL DEFAULT 'default',
    strategy_name      varchar(255) NOT NULL,
    parameters         jsonb NOT NULL DEFAULT '{}',
    constraints        jsonb NOT NULL DEFAULT '[]',
    sort_order         integer NOT NULL DEFAULT 9999,
    created_at         timestamptz DEFAULT now(),
    title              text,
    disabled           boolean DEFAULT false,
    variants           jsonb NOT NULL DEFAULT '[]',
    created_by_user_id integer,
    milestone_id       text
);
CREATE INDEX feature_strategies_environment_idx ON feature_strategies (environment);
CREATE INDEX feature_strategies_feature_name_idx ON feature_strategies (feature_name);
CREATE INDEX idx_feature_strategies_milestone_id ON feature_strategies (milestone_id)
    WHERE milestone_id IS NOT NULL;

CREATE TABLE feature_lifecycles (
    feature      varchar(255) NOT NULL,
    stage        varchar(255) NOT NULL,
    created_at   timestamptz DEFAULT now(),
    status       text,
    status_value text,
    PRIMARY KEY (feature, stage)
);

CREATE TABLE strategies (
    created_at   timestamptz DEFAULT now(),
    name         varchar(255) PRIMARY KEY,
    description  text,
    parameters   json,
    built_in     integer DEFAULT 0,
    deprecated   boolean DEFAULT false,
    sort_order   integer DEFAULT 9999,
    display_name text,
    title        text
);

CREATE TABLE segments (
    id                 serial PRIMARY KEY,
    name               text NOT NULL,
    description        text,
    created_by         text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    constraints        jsonb NOT NULL DEFAULT '[]',
    segment_project_id varchar(255)
);

CREATE TABLE context_fields (
    name         varchar(255) PRIMARY KEY,
    description  text,
    sort_order   integer DEFAULT 10,
    legal_values json,
    created_at   timestamp DEFAULT now(),
    updated_at   timestamp DEFAULT now(),
    stickiness   boolean DEFAULT false,
    project      varchar(255)
);

CREATE TABLE release_plan_definitions (
    id                       text PRIMARY KEY,
    discriminator            text NOT NULL,
    name                     text NOT NULL,
    description              text,
    feature_name             text,
    environment              text,
    created_by_user_id       integer NOT NULL,
    created_at               timestamptz NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    active_milestone_id      text,
    release_plan_template_id text,
    archived_at              timestamptz,
    project                  varchar(255)
);
CREATE UNIQUE INDEX idx_uniq_release_plan_definitions_discriminator_template
    ON release_plan_definitions (name) WHERE discriminator = 'template';

CREATE TABLE change_requests (
    id            serial PRIMARY KEY,
    environment   varchar(100),
    state         varchar(255) NOT NULL,
    project       varchar(255),
    created_by    integer NOT NULL,
    created_at    timestamptz DEFAULT now(),
    min_approvals integer DEFAULT 1,
    title         text
);
CREATE UNIQUE INDEX unique_pending_request_per_user_project_env
    ON change_requests (created_by, project, environment)
    WHERE state NOT IN ('Applied', 'Cancelled', 'Rejected', 'Scheduled');

-- What happened

CREATE TABLE events (
    id                 serial PRIMARY KEY,
    created_at         timestamptz DEFAULT now(),
    type               varchar(255) NOT NULL,
    created_by         varchar(255) NOT NULL,
    data               json,
    tags               json DEFAULT '[]',
    project            text,
    environment        text,
    feature_name       text,
    pre_data           jsonb,
    announced          boolean NOT NULL DEFAULT false,
    created_by_user_id integer,
    ip                 text,
    group_type         text,
    group_id           text
);
CREATE INDEX feature_name_idx ON events (feature_name);
CREATE INDEX events_environment_idx ON events (environment);
CREATE INDEX events_project_idx ON events (project);
CREATE INDEX events_created_by_user_id_idx ON events (created_by_user_id);
CREATE INDEX events_unannounced_idx ON events (announced) WHERE NOT announced;
CREATE INDEX idx_events_created_at_desc ON events (created_at DESC);
CREATE INDEX idx_events_type ON events (type);
CREATE INDEX idx_events_project_feature_created ON events (project, feature_name, created_at DESC);

CREATE TABLE stat_environment_updates (
    day         date NOT NULL,
    environment text NOT NULL,
    updates     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, environment)
);

-- Who asks: applications, their metrics, Edge

CREATE TABLE client_applications (
    app_name    varchar(255) PRIMARY KEY,
    created_at  timestamptz DEFAULT now(),
    updated_at  timestamptz DEFAULT now(),
    seen_at     timestamptz,
    strategies  json,
    description varchar(255),
    icon        varchar(255),
    url         varchar(255),
    color       varchar(255),
    announced   boolean DEFAULT false,
    created_by  text
);

CREATE TABLE client_instances (
    app_name    varchar(255) NOT NULL,
    instance_id varchar(255) NOT NULL,
    client_ip   varchar(255),
    last_seen   timestamptz DEFAULT now(),
    created_at  timestamptz DEFAULT now(),
    sdk_version varchar(255),
    environment varchar(255) NOT NULL DEFAULT 'default',
    sdk_type    varchar(255),
    PRIMARY KEY (app_name, environment, instance_id)
);
CREATE INDEX client_instances_environment_idx ON client_instances (environment);

CREATE TABLE client_metrics_env (
    feature_name varchar(255) NOT NULL,
    app_name     varchar(255) NOT NULL,
    environment  varchar(100) NOT NULL,
    timestamp    timestamptz NOT NULL,
    yes          bigint DEFAULT 0,
    no           bigint DEFAULT 0,
    PRIMARY KEY (feature_name, app_name, environment, timestamp)
);
CREATE INDEX idx_client_metrics_f_name ON client_metrics_env (feature_name);

CREATE TABLE client_metrics_env_variants (
    feature_name varchar(255) NOT NULL,
    app_name     varchar(255) NOT NULL,
    environment  varchar(100) NOT NULL,
    timestamp    timestamptz NOT NULL,
    variant      text NOT NULL,
    count        integer DEFAULT 0,
    PRIMARY KEY (feature_name, app_name, environment, timestamp, variant)
);

CREATE TABLE unknown_flags (
    name        text NOT NULL,
    app_name    text NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now(),
    environment text NOT NULL DEFAULT 'default',
    PRIMARY KEY (name, app_name, environment)
);

CREATE TABLE edge_node_presence (
    bucket_ts     timestamptz NOT NULL,
    node_ephem_id text NOT NULL,
    PRIMARY KEY (bucket_ts, node_ephem_id)
);
CREATE INDEX edge_node_presence_brin ON edge_node_presence USING brin (bucket_ts);
CREATE INDEX edge_node_presence_node_hash ON edge_node_presence USING hash (node_ephem_id);

CREATE TABLE stat_traffic_usage (
    day                date NOT NULL,
    traffic_group      text NOT NULL,
    status_code_series integer NOT NULL,
    count              bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, traffic_group, status_code_series)
);
CREATE INDEX stat_traffic_usage_day_idx ON stat_traffic_usage (day);

-- The server itself

CREATE TABLE settings (
    name    varchar(255) PRIMARY KEY,
    content json
);

CREATE TABLE migrations (
    id     serial PRIMARY KEY,
    name   varchar(255) NOT NULL,
    run_on timestamp NOT NULL
);
