// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Wood} from "../../../contracts/subcontracts/Wood.sol";
import {Base} from "../../Base.t.sol";

contract WoodTest is Base {
    function bounds() private pure returns (uint64[8] memory) {
        return [uint64(0), 5e6, 10e6, 20e6, 40e6, 60e6, 90e6, 120e6];
    }

    function test_R8_AQuarterOfTheLargerIsTolerated() external pure {
        vm.assertEq(Wood.counted(4, 3000, 1000), 3000, "R8: 3 of 4 kg differ by exactly a quarter");
        vm.assertEq(Wood.counted(4, 2999, 1000), 2999, "R8: beyond it the grams are the smaller");
        vm.assertEq(Wood.counted(3, 4000, 1000), 4000, "R8: within it the grams count");
        vm.assertEq(Wood.counted(3, 4001, 1000), 3000, "R8: beyond it the pieces are the smaller");
        vm.assertEq(Wood.counted(0, 900, 1000), 0, "R8: a step of no piece is none");
        vm.assertEq(Wood.counted(0, 0, 1000), 0, "R8: nothing");
    }

    function testFuzz_R8_CountsOneOfTheTwoAndNeverMoreThanGrams(uint32 pieces, uint32 grams, uint32 ref)
        external
        pure
    {
        uint256 byPieces = uint256(pieces) * ref;

        uint256 given = Wood.counted(pieces, grams, ref);

        vm.assertTrue(given == grams || given == byPieces, "R8: one of the two");
        vm.assertLe(given, grams, "R8: never more than was weighed");
    }

    function testFuzz_R0_ChargeRoundsDownOnce(uint64 price, uint32 multiple, uint32 grams, uint32 ref)
        external
        pure
    {
        ref = uint32(bound(ref, 1, type(uint32).max));
        price = uint64(bound(price, 1, 1e12));
        uint256 whole = uint256(price) * multiple * grams;

        uint256 given = Wood.charge(price, multiple, grams, ref);

        vm.assertLe(given * 10_000 * ref, whole, "R0: never above the exact");
        vm.assertGt((given + 1) * 10_000 * ref, whole, "R0: by less than a unit");
        vm.assertEq(
            Wood.charge(price, 10_000, grams, ref), Wood.worth(price, grams, ref), "R8: the base multiple"
        );
    }

    function test_R8_LowerBoundsAreInclusive() external pure {
        vm.assertEq(Wood.bandOf(0, bounds()), 0, "R8: nothing");
        vm.assertEq(Wood.bandOf(5e6 - 1, bounds()), 0, "R8: just below");
        vm.assertEq(Wood.bandOf(5e6, bounds()), 1, "R8: inclusive");
        vm.assertEq(Wood.bandOf(120e6, bounds()), 7, "R8: the highest");
        vm.assertEq(Wood.bandOf(type(uint256).max, bounds()), 7, "R8: and no higher");
    }

    function testFuzz_R8_BandsRiseWithMeans(uint64 less, uint64 more) external pure {
        if (less > more) (less, more) = (more, less);

        vm.assertLe(Wood.bandOf(less, bounds()), Wood.bandOf(more, bounds()), "R8: bands rise");
    }

    function testFuzz_R8_FloorIsTheHigherOfBoth(uint64 inflow, uint64 purse) external pure {
        uint256 byInflow = Wood.bandOf(inflow / 3, bounds());
        uint256 byPurse = Wood.bandOf(purse / 12, bounds());

        vm.assertEq(
            Wood.floorBand(inflow, purse, bounds()),
            byInflow > byPurse ? byInflow : byPurse,
            "R8: the higher of the bands"
        );
    }

    function testFuzz_R0_PartsSumToTheCost(uint64 cost, uint8 payers) external pure {
        uint256 count = bound(payers, 1, 150);

        uint256 sum;
        uint256 before = type(uint256).max;
        for (uint256 i; i < count; ++i) {
            uint256 part = Wood.part(cost, count, i);
            vm.assertLe(part, before, "R0: dust to the first");
            vm.assertLe(part - cost / count, 1, "R0: a unit each");
            before = part;
            sum += part;
        }

        vm.assertEq(sum, cost, "R0: nothing made or lost");
    }

    /// @dev Weeks of any worth and any collection: the provider's weekly share and the true-up together.
    function testFuzz_R8_ProviderIsTruedUpAndNeverPaidTwice(uint64[6] calldata worth, uint64[6] calldata paid)
        external
        pure
    {
        uint256 worthSum;
        uint256 collected;
        uint256 received;
        for (uint256 i; i < 6; ++i) {
            worthSum += worth[i];
            collected += paid[i];
            uint256 most = Wood.providerMost(worthSum);
            uint256 share = most > received ? most - received : 0;
            received += share < paid[i] ? share : paid[i];
        }

        uint256 due = Wood.providerDue(worthSum, worthSum, collected);

        vm.assertGe(due, received, "R8: what weeks paid is part of what is due");
        vm.assertLe(due, 11 * worthSum / 10, "R8: without discounts, never above eleven tenths");
        vm.assertLe(due, collected, "R8: nor above what was collected");
        vm.assertEq(
            Wood.providerDue(worthSum, 0, collected) - due, worthSum, "R8: discounts come on top, once"
        );
    }
}
