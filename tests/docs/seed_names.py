"""Every name of the document that the project began with: table of docs/seed.md -> first cells, one a line."""

from __future__ import annotations

NOT_YET: tuple[str, ...] = ()

SEED = {
    "The overview: Boxes": """
Client Layer
HTTP Request
WebSocket
FastAPI Endpoint
Core Layer
Agent Factory
React Agent
Custom React Agent
Tool Registry
State Management
Message Queue
State Store
Context Manager
Tool Layer
Tool 1
Tool 2
Tool N
Tool Management
Tool Discovery
Tool Validation
Tool Registration
External Layer
External Service 1
External Service 2
External Service N
""",
    "The overview: Arrows": """
HTTP Request → FastAPI Endpoint
WebSocket → FastAPI Endpoint
FastAPI Endpoint → Agent Factory
Agent Factory → React Agent
Agent Factory → Custom React Agent
React Agent → Tool Registry
Custom React Agent → Tool Registry
React Agent → Message Queue
Custom React Agent → Message Queue
Message Queue → State Store
State Store → Context Manager
Tool Registry → Tool 1
Tool Registry → Tool 2
Tool Registry → Tool N
Tool Registry → Tool Discovery
Tool Discovery → Tool Validation
Tool Validation → Tool Registration
Tool 1 → External Service 1
Tool 2 → External Service 2
Tool N → External Service N
""",
    "The overview: Layer details": """
HTTP Endpoints
WebSocket Support
Request Validation
Rate Limiting (of requests)
Agent Factory (bullet)
State Management (bullet)
Message Queue (bullet)
Context Management
Tool Registry (bullet)
Tool Discovery (bullet)
Validation
Error Handling
Service Integration
Quota management
Rate Limiting (of services)
Circuit Breaking
Retry Logic
""",
    "Agent factory: Boxes": """
Agent Factory Flow
Agent Factory
Configuration Type
Parse Configuration
Load Environment
Validate Config
Agent Type
Create React Agent
Create Custom Agent
Initialize Tools
Configure State
Return Agent Instance
Validation
Schema Validation
Dependency Check
Security Validation
""",
    "Agent factory: Arrows": """
Agent Factory → Configuration Type
Configuration Type → Parse Configuration
Configuration Type → Load Environment
Parse Configuration → Validate Config
Load Environment → Validate Config
Validate Config → Agent Type
Agent Type → Create React Agent
Agent Type → Create Custom Agent
Create React Agent → Initialize Tools
Create Custom Agent → Initialize Tools
Initialize Tools → Configure State
Configure State → Return Agent Instance
Validate Config → Schema Validation
Validate Config → Dependency Check
Validate Config → Security Validation
""",
    "Agent factory: The class": """
AgentFactory
AgentFactory.__init__
AgentFactory.create_agent
AgentFactory._create_react_agent
AgentFactory._create_custom_agent
AgentFactory._validate_config
ValueError for an unknown type
""",
    "State management: Boxes": """
State Management System
Agent State
Message Store
Tool Result Cache
Context Manager
Message Queue
History Manager
Result Cache
Error Store
Thread Context
Global Context
Persistence
Memory Store
Disk Cache
Database
""",
    "State management: Arrows": """
Agent State → Message Store
Agent State → Tool Result Cache
Agent State → Context Manager
Message Store → Message Queue
Message Store → History Manager
Tool Result Cache → Result Cache
Tool Result Cache → Error Store
Context Manager → Thread Context
Context Manager → Global Context
Message Queue → Memory Store
History Manager → Disk Cache
Result Cache → Database
""",
    "State management: The class": """
AgentState
AgentState.messages
AgentState.tool_results
AgentState.context
AgentState._message_queue
AgentState._result_cache
AgentState.add_message
""",
    "Tool system: Boxes": """
Tool Registry System
Tool Registry
Tool Scanner
Config Matcher
Tool Validator
Directory Walker
Module Loader
Schema Validator
Config Parser
Type Checker
Security Checker
Tool Management
Tool Store
Tool Cache
Tool Metrics
""",
    "Tool system: Arrows": """
Tool Registry → Tool Scanner
Tool Registry → Config Matcher
Tool Registry → Tool Validator
Tool Scanner → Directory Walker
Tool Scanner → Module Loader
Config Matcher → Schema Validator
Config Matcher → Config Parser
Tool Validator → Type Checker
Tool Validator → Security Checker
Directory Walker → Tool Store
Module Loader → Tool Cache
Type Checker → Tool Metrics
""",
    "Tool system: The class": """
ToolRegistry
ToolRegistry.tools
ToolRegistry.tool_specs
ToolRegistry.register_tool
ToolRegistry.auto_register
ToolRegistry._validate_tool
ToolRegistry._metrics
BaseTool
BaseTool.get_spec
ToolValidationError
ToolRegistrationError
""",
    "Request processing: Participants": """
Client
FastAPI
Validator
AgentFactory
Agent
ToolRegistry
StateManager
ExternalService
""",
    "Request processing: Arrows": """
Client → FastAPI: HTTP Request
FastAPI → Validator: Validate Request
Validator → FastAPI: Validation Result
FastAPI → AgentFactory: Create Agent
AgentFactory → ToolRegistry: Get Tools
ToolRegistry → AgentFactory: Tool Collection
AgentFactory → StateManager: Initialize State
StateManager → AgentFactory: State Instance
AgentFactory → Agent: Initialize
Agent → ToolRegistry: Register Tools
ToolRegistry → Agent: Registration Complete
Agent → ExternalService: Process Request
ExternalService → Agent: Service Response
Agent → StateManager: Update State
StateManager → Agent: State Updated
Agent → FastAPI: Process Complete
FastAPI → Client: HTTP Response
""",
    "Configuration: Environment and agent file": """
LITELLM_GATEWAY_URL (sample)
LITELLM_GATEWAY_API_KEY (sample)
LOG_LEVEL (sample)
Agent type selection
Tool specifications
Prompt configuration
Graph structure
""",
    "Security considerations: Bullets": """
Gateway authentication
API key management
Request validation
Input validation (security)
Error handling (security)
Resource limits
Sensitive data handling
Response sanitization
Logging security
""",
    "Error handling: Bullets": """
Global exception handling
HTTP error responses
Validation errors
Tool execution errors
State management errors
Configuration errors
Input validation (errors)
External service errors
Resource errors
""",
    "Monitoring and logging: Bullets": """
Structured logging
Log levels
Error tracking
Tool usage
Response times
Error rates
Debug mode
Detailed logging
State inspection
""",
    "Best practices: Bullets": """
Modular design
Clear separation of concerns
Comprehensive documentation
Type hints and validation
Environment configuration
Dependency management
Version control
CI/CD integration
Code quality
Testing
Documentation updates
Security updates
""",
    "Extension points: Bullets": """
Implement new agent classes
Add to agent factory
Update configuration
Create tool implementation
Add configuration
Register with system
Add new nodes
Extend graph structure
Implement custom logic
""",
    "Tool execution: Participants": """
Agent
ToolRegistry
Tool
ExternalService
ErrorHandler
MetricsCollector
""",
    "Tool execution: Arrows": """
Agent → ToolRegistry: Request Tool
ToolRegistry → MetricsCollector: Record Tool Request
ToolRegistry → Tool: Validate Arguments
Tool → ExternalService: Execute API Call
ExternalService → Tool: Success Response
Tool → Tool: Format Response
Tool → ToolRegistry: Return Result
ToolRegistry → MetricsCollector: Record Success
ToolRegistry → Agent: Return Formatted Result
ExternalService → Tool: Error Response
Tool → ErrorHandler: Handle Error
ErrorHandler → Tool: Retry Decision
Tool → ExternalService: Retry API Call
Tool → ErrorHandler: Report Validation Error
ErrorHandler → ToolRegistry: Return Error
ToolRegistry → Agent: Return Error Response
ToolRegistry → ErrorHandler: Report Missing Tool
ErrorHandler → Agent: Return Error Response
MetricsCollector → MetricsCollector: Update Statistics
""",
    "Configuration management: Environment settings": """
EnvironmentSettings
LITELLM_GATEWAY_URL
LITELLM_GATEWAY_API_KEY
LOG_LEVEL
LOG_FORMAT
MAX_RETRIES
TIMEOUT_SECONDS
BATCH_SIZE
ENABLE_SSL
SSL_CERT_PATH
SSL_KEY_PATH
ENABLE_CACHE
CACHE_TTL
RATE_LIMIT_ENABLED
RATE_LIMIT_REQUESTS
RATE_LIMIT_PERIOD
ssl_configured
env_file
case_sensitive
""",
    "Configuration management: The parser": """
ToolConfig
ToolConfig.name
ToolConfig.description
ToolConfig.arguments
ToolConfig.required
AgentConfig
AgentConfig.type
AgentConfig.prompt
AgentConfig.tools
AgentConfig extra: forbid
ConfigurationManager
ConfigurationManager.__init__
ConfigurationManager._load_config
ConfigurationManager._validate_config
""",
    "Security implementation: Authentication": """
SecurityManager
SecurityManager.create_access_token
SecurityManager.verify_token
AuthMiddleware
AuthMiddleware.__call__
HTTPException 401
request.state.user
""",
    "Security implementation: Rate limiting": """
RateLimiter
RateLimiter.is_rate_limited
RateLimitMiddleware
RateLimitMiddleware.__call__
HTTPException 429
""",
    "Error handling implementation: Error types": """
BaseError
ConfigurationError
ToolError
ToolNotFoundError
ToolExecutionError
ValidationError
""",
    "Error handling implementation: The handler": """
global_exception_handler
Application errors
Unexpected errors
error_id
""",
    "Monitoring and metrics: Metrics": """
ToolMetrics
ToolMetrics.average_duration
ToolMetrics.error_rate
ToolMetrics.durations
MetricsCollector
MetricsCollector.register_tool
MetricsCollector.record_tool_call
MetricsCollector.get_metrics
""",
    "Monitoring and metrics: Logging": """
StructuredLogger
JsonFormatter
JsonFormatter.format
StructuredLogger._log
StructuredLogger.info
StructuredLogger.error
StructuredLogger.debug
StructuredLogger.warning
""",
    "Testing implementation: Samples": """
TestToolRegistry
TestToolRegistry.tool_registry
TestToolRegistry.mock_tool
test_register_tool
test_register_invalid_tool
TestAgentFactory
TestAgentFactory.config
test_create_react_agent
test_create_invalid_agent
TestAPI
TestAPI.client
test_process_request
test_tool_execution
get_username
""",
    "Deployment configuration: Docker and compose": """
Dockerfile
Install poetry
agent.yaml in the image
CMD
docker-compose
app service
Redis service
Compose environment
""",
    "Performance optimization: Caching": """
CacheEntry
CacheEntry.is_expired
Cache
Cache.get
Cache.set
Cache.delete
Cache.cleanup
""",
    "Performance optimization: Connection pooling": """
ConnectionPool
ConnectionPool.__init__
ConnectionPool.get_connection
ConnectionPool.close
""",
}
