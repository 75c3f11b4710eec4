// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @notice A plain token with permit and 6 decimals, minted freely, that can be told to misbehave.
contract MoodyToken is ERC20Permit {
    enum Mood {
        Plain,
        Fee, // delivers one unit less
        False, // answers false and moves nothing
        Reverting,
        Bomb, // reverts with a megabyte of data
        Endless, // burns all the gas it is given
        Hook // calls back while it moves
    }

    Mood public mood;
    address public hooked;
    bytes public hook;
    bool public hookSucceeded;

    constructor() ERC20("Moody", "MOOD") ERC20Permit("Moody") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function feel(Mood mood_) external {
        mood = mood_;
    }

    function callBack(address hooked_, bytes calldata hook_) external {
        (mood, hooked, hook) = (Mood.Hook, hooked_, hook_);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (mood == Mood.False) return false;
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (mood == Mood.False) return false;
        return super.transferFrom(from, to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) {
            if (mood == Mood.Reverting) revert("moody");
            if (mood == Mood.Bomb) {
                assembly {
                    revert(0, 200000)
                }
            }
            if (mood == Mood.Endless) {
                while (true) {}
            }
            if (mood == Mood.Fee) {
                super._update(from, address(0xfee), 1);
                amount -= 1;
            }
            if (mood == Mood.Hook) (hookSucceeded,) = hooked.call(hook);
        }
        super._update(from, to, amount);
    }
}
