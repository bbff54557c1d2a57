-- What is known of each running server: what it told, what its jobs do, how the last one ended.
local M = {}

---@class fbuild.State
---@field targets? fbuild.Targets
---@field ports? fbuild.Port[]
---@field running table<integer, fbuild.Status> by the number of the job
---@field result? {text: string, at_ms: integer} how the last job ended, while that is news
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
  vim.cmd.redrawstatus()
end

---@param text string
function State:set_result(text)
  self.result = { text = text, at_ms = now_ms() }
  vim.cmd.redrawstatus()
end

--- A newer build is a newer fact than the last result.
---@param targets fbuild.Targets
function State:set_targets(targets)
  local is_rebuilt = vim.iter(targets.targets):any(function(target)
    return self.result ~= nil and (target.builtMs or 0) > self.result.at_ms
  end)
  if is_rebuilt then
    self.result = nil
  end
  self.targets = targets
  vim.cmd.redrawstatus()
end

--- Another choice is a newer fact, too. This is said when it is made: the server's own word of it may
--- come after the deploy that it was made for.
---@param selection fbuild.Selection
function State:set_choice(selection)
  self.result = nil
  if self.targets then
    local others = vim.tbl_filter(function(other)
      return other.root ~= selection.root
    end, self.targets.selected)
    self.targets.selected = vim.list_extend({ selection }, others)
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

---@param status fbuild.Status
---@return string
function M.step(status)
  if status.phase and status.region then
    return ('%s %s %d %%'):format(status.phase, status.region, status.percent)
  end
  return status.summary
end

--- What would be deployed, and where to, as far as that is decided.
---@return string
function State:choice()
  local targets = self.targets
  if not targets then
    return 'fbuild'
  end
  local selection = targets.selected[1] or {}
  local only = #targets.targets == 1 and targets.targets[1].name or nil
  local boards = vim.tbl_filter(function(port)
    return port.likelyBoard
  end, self.ports or {})
  local target = selection.target or only or 'fbuild'
  local port = selection.port or (#boards == 1 and boards[1].name) or nil
  return port and ('%s on %s'):format(target, port) or target
end

--- Plain text for a statusline.
---@return string
function State:text()
  local job = self:job()
  if job then
    return M.step(job)
  end
  return self.result and self.result.text or self:choice()
end

return M
