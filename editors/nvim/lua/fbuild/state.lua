-- What is known of each running server: what it told, what its jobs do, how the last one ended.
local M = {}

---@class fbuild.State
---@field targets? fbuild.Targets
---@field ports? fbuild.Port[]
---@field running table<integer, fbuild.Status> by the number of the job
---@field result? {text: string, at_ms: integer} how the last job ended, while that is news
---@field is_told? boolean what another Neovim left has been said, or is no news after a job of this one
local State = {}
State.__index = State

---@type table<integer, fbuild.State>
local states = {}

---@param client_id integer
---@return fbuild.State
function M.of(client_id)
  states[client_id] = states[client_id] or setmetatable({ running = {} }, State)
  return states[client_id]
end

---@param client_id integer
function M.forget(client_id)
  states[client_id] = nil
end

---@return integer milliseconds since 1970
local function now_ms()
  local s, us = vim.uv.gettimeofday()
  return s * 1000 + math.floor(us / 1000)
end

---@param status fbuild.Status
function State:set_status(status)
  self.running[status.job] = status.state == 'running' and status or nil
  self.is_told = true
  if status.outcome == 'crashed' then
    self.result = { text = '✗ ' .. status.text.short, at_ms = now_ms() }
  end
  vim.cmd.redrawstatus()
end

---@type table<string, string>
local icons = { failed = '✗ ', cancelled = '' }

---@param outcome fbuild.Outcome
function State:set_result(outcome)
  local text = (icons[outcome.outcome] or '✓ ') .. outcome.text.short
  self.result = { text = text, at_ms = now_ms() }
  vim.cmd.redrawstatus()
end

--- A newer build is a newer fact than the last result.
---@param targets fbuild.Targets
---@return fbuild.Text? unfinished what was left by a deploy of another Neovim, once
function State:set_targets(targets)
  local is_rebuilt = vim.iter(targets.targets):any(function(target)
    return self.result ~= nil and (target.builtMs or 0) > self.result.at_ms
  end)
  self.result = not is_rebuilt and self.result or nil
  self.targets = targets
  vim.cmd.redrawstatus()
  -- The server of the Neovim that was left may be at its end still: the first list need not have it.
  local unfinished = not self.is_told and self:unfinished() or nil
  self.is_told = self.is_told or unfinished ~= nil
  return unfinished
end

--- That the last deploy left the board half written.
---@return fbuild.Text?
function State:unfinished()
  local selection = self.targets and self.targets.selected[1]
  return selection and selection.next.unfinished
end

--- Another choice is a newer fact, too. It is reported when it is made: the server's own word of it may
--- come after the deploy that it was made for.
---@param selection fbuild.Selection
function State:set_choice(selection)
  self.result = nil
  if self.targets then
    self.targets.selected = { selection }
  end
  vim.cmd.redrawstatus()
end

--- The job that began first, if one runs.
---@return fbuild.Status?
function State:job()
  local numbers = vim.tbl_keys(self.running)
  table.sort(numbers)
  return self.running[numbers[1]]
end

--- Plain text for a statusline: what goes on, else the last result, else what a deploy would take.
---@return string
function State:text()
  local job = self:job()
  local selection = self.targets and self.targets.selected[1]
  local unfinished = self:unfinished()
  return job and job.text.short
    or self.result and self.result.text
    or unfinished and unfinished.short
    or selection and selection.next.short
    or 'fbuild'
end

return M
