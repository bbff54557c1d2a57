-- For statuslines, key maps and other plugins. The commands are in plugin/fbuild.lua.
local M = {}

--- Plain text for a statusline: the running job, else the last result, else what would be deployed
--- where to. Empty where no server runs.
---@return string
function M.statusline()
  local client = require('fbuild.server').current()
  return client and require('fbuild.state').of(client.id):text() or ''
end

--- Put the firmware onto the board, writing only what differs.
---@param argument? fbuild.Argument
---@param done? fun(outcome: fbuild.Outcome)
function M.deploy(argument, done)
  require('fbuild.jobs').run('deploy', argument, done)
end

--- Compare the board with the firmware; write nothing.
---@param argument? fbuild.Argument
---@param done? fun(outcome: fbuild.Outcome)
function M.verify(argument, done)
  require('fbuild.jobs').run('verify', argument, done)
end

--- Show what a deploy would write.
---@param argument? fbuild.Argument
---@param done? fun(outcome: fbuild.Outcome)
function M.plan(argument, done)
  require('fbuild.jobs').run('plan', argument, done)
end

--- Stop every running job.
function M.cancel()
  require('fbuild.jobs').cancel()
end

return M
